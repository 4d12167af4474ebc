-- Takes the session's only place for a partial turn.
-- KEYS state      ARGV owner utterance now_ms stale_ms      reply status
local now = redis.call('HMGET', KEYS[1], 'owner', 'ended', 'partial_at')
if not now[1] then return 'gone' end
if now[1] ~= ARGV[1] then return 'taken' end
if tonumber(now[2]) > tonumber(ARGV[2]) then return 'ended' end
if now[3] and tonumber(ARGV[3]) - tonumber(now[3]) < tonumber(ARGV[4]) then return 'busy' end
redis.call('HSET', KEYS[1], 'partial_at', ARGV[3])
return 'ok'
