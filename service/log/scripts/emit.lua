-- Adds one event (configured, pong, error) to the event log, if the caller still owns the session.
-- KEYS state events      ARGV owner event_json      reply status
local now = redis.call('HMGET', KEYS[1], 'owner', 'ttl')
local owner = now[1]
if not owner then return 'gone' end
if owner ~= ARGV[1] then return 'taken' end
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('XADD', KEYS[2], seq .. '-0', 'event', ARGV[2])
for i = 1, 2 do redis.call('EXPIRE', KEYS[i], now[2]) end
return 'ok'
