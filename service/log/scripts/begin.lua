-- A worker begins a turn: it takes the turn's lease (whoever held it before cannot publish) and reads what it needs.
-- A draft is a final begun in a pause, before the endpoint is sure. If speech stays silent, the final turn finds the
-- draft's result (`drafted`), or leaves the utterance to the draft that is being decoded (`deferred`).
-- KEYS state      ARGV kind utterance token end
-- reply {status, samples, agreement, language, wake, draft_event}
local kind, utterance, token = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local now = redis.call('HMGET', KEYS[1], 'samples', 'next', 'ended', 'agreement', 'agreement_of', 'language', 'wake',
                       'drafting:' .. ARGV[2], 'drafted:' .. ARGV[2], 'sure:' .. ARGV[2])
if not now[1] then return {'gone', 0, '', '', '', ''} end
local ended = utterance < tonumber(now[3])
local agreement = ''
if now[5] == ARGV[2] then agreement = now[4] end
local nothing = {'done', 0, '', '', now[7], ''}

if kind ~= 'partial' and
    (utterance < tonumber(now[2]) or redis.call('HEXISTS', KEYS[1], 'result:' .. utterance) == 1) then
  return nothing
end
if kind == 'partial' then
  if ended then
    redis.call('HDEL', KEYS[1], 'partial_at')
    return nothing
  end
  redis.call('HSET', KEYS[1], 'lease:partial', token)
elseif kind == 'draft' then
  if ended and now[10] ~= ARGV[4] then
    -- given back or reclaimed too late to be of use: its final must not be left to it
    if now[8] == ARGV[4] then
      redis.call('HDEL', KEYS[1], 'drafting:' .. utterance, 'lease:draft:' .. utterance)
    end
    return nothing
  end
  redis.call('HSET', KEYS[1], 'lease:draft:' .. utterance, token, 'drafting:' .. utterance, ARGV[4])
else
  if now[9] then
    local draft = cjson.decode(now[9])
    if draft['end'] == ARGV[4] and draft.agreement == redis.sha1hex(agreement) then
      redis.call('HSET', KEYS[1], 'lease:' .. utterance, token)
      return {'drafted', 0, '', draft.language, now[7], draft.event}
    end
  end
  if now[8] == ARGV[4] then
    redis.call('HSET', KEYS[1], 'sure:' .. utterance, ARGV[4])
    return {'deferred', 0, '', '', now[7], ''}
  end
  redis.call('HSET', KEYS[1], 'lease:' .. utterance, token)
end
return {'ok', tonumber(now[1]), agreement, now[6] or '', now[7], ''}
