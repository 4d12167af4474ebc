-- Counts a request, unless the tenant has had its share of the last minute. A request that is counted twice, because
-- the reply of the first run was lost, is counted once.
-- KEYS requests usage      ARGV id limit hour usage_ttl_s retried_within_ms      reply seconds to wait, 0: counted
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local limit = tonumber(ARGV[2])
local window = limit > 0 and 60000 or tonumber(ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
if limit > 0 and redis.call('ZCARD', KEYS[1]) >= limit then
  local first = redis.call('ZRANGE', KEYS[1], -limit, -limit, 'WITHSCORES')
  return math.max(1, math.ceil((tonumber(first[2]) + window - now) / 1000))
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], window)
redis.call('HINCRBY', KEYS[2], ARGV[3] .. ':requests', 1)
redis.call('EXPIRE', KEYS[2], ARGV[4])
return 0
