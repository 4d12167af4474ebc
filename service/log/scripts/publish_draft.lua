-- A draft is decoded. When its endpoint is sure by now the caller goes on to publish it as the final (`confirmed`);
-- else it is kept for the final turn, and shown as a caption. When a partial has committed more words meanwhile, the
-- draft may contradict them: it is dropped, and if its endpoint is sure the utterance must be decoded again (`redo`).
-- KEYS state events      ARGV token utterance end agreement draft_event language caption_json max_events
-- reply status
local utterance = ARGV[2]
local now = redis.call('HMGET', KEYS[1], 'lease:draft:' .. utterance, 'ended', 'agreement', 'agreement_of',
                       'sure:' .. utterance, 'last_partial', 'lease:' .. utterance)
if not now[2] then return 'gone' end
-- the reply to an earlier try was lost: nobody else publishes what that try confirmed
if now[7] == ARGV[1] then return 'confirmed' end
if now[1] ~= ARGV[1] then return 'stale' end
local agreement = ''
if now[4] == utterance then agreement = now[3] end
local sure = now[5] == ARGV[3]
if agreement ~= ARGV[4] and sure then
  -- the lease stays, for a second try whose first reply was lost; the final that follows clears it away
  redis.call('HDEL', KEYS[1], 'drafting:' .. utterance)
  return 'redo'
end
redis.call('HDEL', KEYS[1], 'lease:draft:' .. utterance, 'drafting:' .. utterance)
if agreement ~= ARGV[4] then return 'done' end
if sure then
  redis.call('HSET', KEYS[1], 'lease:' .. utterance, ARGV[1])
  return 'confirmed'
end
-- the agreement is binary, which JSON cannot carry: its digest will do to compare
local draft = {['end'] = ARGV[3], agreement = redis.sha1hex(agreement), event = ARGV[5], language = ARGV[6]}
redis.call('HSET', KEYS[1], 'drafted:' .. utterance, cjson.encode(draft))
if ARGV[7] ~= '' and tonumber(utterance) >= tonumber(now[2]) then
  if now[6] then redis.call('XDEL', KEYS[2], now[6] .. '-0') end
  local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[8], seq .. '-0', 'event', ARGV[7])
  redis.call('HSET', KEYS[1], 'last_partial', seq)
end
return 'ok'
