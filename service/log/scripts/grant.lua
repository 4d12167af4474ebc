-- Sets samples of the month's allowance aside for a stream or recording, up to `wanted` in all, or what is left.
-- KEYS account allowance      ARGV wanted limit month account_ttl_s      reply samples granted in all
local granted = tonumber(redis.call('HGET', KEYS[1], 'granted') or 0)
local wanted = tonumber(ARGV[1])
if wanted <= granted then return granted end
local left = tonumber(ARGV[2]) - tonumber(redis.call('HGET', KEYS[2], ARGV[3]) or 0)
local more = math.min(wanted - granted, left)
if more <= 0 then return granted end
redis.call('HINCRBY', KEYS[2], ARGV[3], more)
redis.call('HSET', KEYS[1], 'granted', granted + more, 'month', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return granted + more
