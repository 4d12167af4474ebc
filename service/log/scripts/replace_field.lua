-- Replaces a field of a hash if it still is as the caller saw it.
-- KEYS hash      ARGV field seen new      reply 1, or 0 when it has changed
local now = redis.call('HGET', KEYS[1], ARGV[1])
-- the reply to an earlier try was lost: that try already did the work
if now == ARGV[3] then return 1 end
if now ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
