-- Appends audio with the endpointer's marks and the ingest snapshot in one step, if the caller still owns the session.
-- KEYS state audio events meter
-- ARGV owner ttl_s first_sample last_sample pcm bytes snapshot keep_from ended marks append_id ack_json max_events
--      n_events event_json...
-- reply {status, next_utterance}
local owner = redis.call('HGET', KEYS[1], 'owner')
if not owner then return {'gone', 0} end
if owner ~= ARGV[1] then return {'taken', 0} end
local now = redis.call('HMGET', KEYS[1], 'samples', 'bytes', 'next', 'ended', 'appends', 'metered')
local next_utterance = tonumber(now[3])
-- the reply to an earlier try was lost: that try already did the work
if now[5] == ARGV[11] then return {'ok', next_utterance} end
if now[1] ~= ARGV[3] then return {'taken', next_utterance} end

if #ARGV[5] > 0 then
  if ARGV[10] ~= '' then
    redis.call('XADD', KEYS[2], ARGV[4] .. '-0', 'pcm', ARGV[5], 'marks', ARGV[10])
  else
    redis.call('XADD', KEYS[2], ARGV[4] .. '-0', 'pcm', ARGV[5])
  end
elseif ARGV[10] ~= '' then
  redis.call('XADD', KEYS[2], ARGV[4] .. '-*', 'pcm', '', 'marks', ARGV[10])
end
redis.call('HSET', KEYS[1], 'samples', ARGV[4], 'bytes', ARGV[6], 'snapshot', ARGV[7], 'ended', ARGV[9],
           'appends', ARGV[11])
if now[6] then redis.call('HSET', KEYS[4], 'samples', ARGV[4]) end

for i = 15, 14 + tonumber(ARGV[14]) do
  local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[13], seq .. '-0', 'event', ARGV[i])
end
if ARGV[12] ~= '' then
  local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
  local last = redis.call('HGET', KEYS[1], 'last_ack')
  if last then redis.call('XDEL', KEYS[3], last .. '-0') end
  redis.call('XADD', KEYS[3], seq .. '-0', 'event', ARGV[12])
  redis.call('HSET', KEYS[1], 'last_ack', seq)
end

-- nothing waits for a decode: audio before the open utterance (or the pre-roll) is not needed any more
if next_utterance >= tonumber(ARGV[9]) then
  redis.call('XTRIM', KEYS[2], 'MINID', '~', tonumber(ARGV[8]) + 1)
end
for i = 1, 3 do redis.call('EXPIRE', KEYS[i], ARGV[2]) end
return {'ok', next_utterance}
