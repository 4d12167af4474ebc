-- No more audio will come: the session closes with its last final, at once when none is outstanding.
-- KEYS state audio events      ARGV owner total finished_json finished_ttl_s      reply status
local now = redis.call('HMGET', KEYS[1], 'owner', 'next', 'finishing')
if not now[1] then return 'gone' end
if now[1] ~= ARGV[1] then return 'taken' end
if now[3] then return 'ok' end
redis.call('HSET', KEYS[1], 'finishing', ARGV[3], 'total', ARGV[2])
if tonumber(now[2]) == tonumber(ARGV[2]) then
  local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
  redis.call('XADD', KEYS[3], seq .. '-0', 'event', ARGV[3])
  redis.call('DEL', KEYS[2])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  redis.call('EXPIRE', KEYS[3], ARGV[4])
end
return 'ok'
