-- Changes the record of a named list if it still is as the caller saw it. Entries live for ever while a name points to
-- them; those that no name points to any more live on for whoever keeps them, and a while for whoever just looked.
-- KEYS lists gained_entries [lost_entries]      ARGV name record_seen record content grace_s most
-- `most`: lists that there may be, 0: any number      reply status
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
-- the reply to an earlier try was lost: that try already did the work
if now == ARGV[3] then return 'ok' end
if now ~= ARGV[2] then return 'changed' end
if tonumber(ARGV[6]) > 0 then
  local lists = 0
  for _, record in ipairs(redis.call('HVALS', KEYS[1])) do
    if cjson.decode(record).digest then lists = lists + 1 end -- the others were deleted
  end
  if lists >= tonumber(ARGV[6]) then return 'full' end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSETNX', KEYS[2], 'content', ARGV[4])
  redis.call('HINCRBY', KEYS[2], 'names', 1)
  redis.call('PERSIST', KEYS[2])
end
if KEYS[3] and redis.call('HINCRBY', KEYS[3], 'names', -1) < 1 then
  local until_s = tonumber(redis.call('TIME')[1]) + tonumber(ARGV[5])
  local keep_until = tonumber(redis.call('HGET', KEYS[3], 'keep_until') or 0)
  redis.call('EXPIREAT', KEYS[3], math.max(until_s, keep_until))
end
return 'ok'
