-- A worker begins a turn: it takes the turn's lease (whoever held it before cannot publish) and reads what it needs.
-- KEYS state      ARGV kind utterance token      reply {status, samples, agreement, language, wake}
local now = redis.call('HMGET', KEYS[1], 'samples', 'next', 'ended', 'agreement', 'agreement_of', 'language', 'wake')
if not now[1] then return {'gone', 0, '', '', ''} end
local utterance = tonumber(ARGV[2])
if ARGV[1] == 'partial' then
  if utterance < tonumber(now[3]) then
    redis.call('HDEL', KEYS[1], 'partial_at')
    return {'done', 0, '', '', now[7]}
  end
  redis.call('HSET', KEYS[1], 'lease:partial', ARGV[3])
else
  if utterance < tonumber(now[2]) or redis.call('HEXISTS', KEYS[1], 'result:' .. utterance) == 1 then
    return {'done', 0, '', '', now[7]}
  end
  redis.call('HSET', KEYS[1], 'lease:' .. utterance, ARGV[3])
end
local agreement = ''
if now[5] == ARGV[2] then agreement = now[4] end
return {'ok', tonumber(now[1]), agreement, now[6] or '', now[7]}
