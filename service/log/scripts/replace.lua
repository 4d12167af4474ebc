-- Replaces a record if it still is as the caller saw it; '' stands for none.
-- KEYS record      ARGV seen new      reply status
local now = redis.call('GET', KEYS[1]) or ''
-- the reply to an earlier try was lost: that try already did the work
if now == ARGV[2] then return 'ok' end
if now ~= ARGV[1] then return 'changed' end
redis.call('SET', KEYS[1], ARGV[2])
return 'ok'
