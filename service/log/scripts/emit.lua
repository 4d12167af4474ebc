-- Adds one event (configured, pong, error) to the event log, and stores new options if there are any, if the caller
-- still owns the session.
-- KEYS state audio events      ARGV owner event_json max_events options emit_id      reply status
local now = redis.call('HMGET', KEYS[1], 'owner', 'ttl', 'emitted')
local owner = now[1]
if not owner then return 'gone' end
if owner ~= ARGV[1] then return 'taken' end
-- the reply to an earlier try was lost: that try already did the work
if now[3] == ARGV[5] then return 'ok' end
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], seq .. '-0', 'event', ARGV[2])
redis.call('HSET', KEYS[1], 'emitted', ARGV[5])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'options', ARGV[4]) end
for i = 1, 3 do redis.call('EXPIRE', KEYS[i], now[2]) end
return 'ok'
