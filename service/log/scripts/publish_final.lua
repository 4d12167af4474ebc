-- Publishes the result of an utterance under its lease. Results wait here until all before them are out, so finals are
-- ordered whatever order workers finish in. The last one closes the session.
-- KEYS state audio events meter kept
-- ARGV token utterance end_sample event_json language max_events finished_ttl_s
-- reply status
local state, audio, events = KEYS[1], KEYS[2], KEYS[3]
local now = redis.call('HMGET', state, 'lease:' .. ARGV[2], 'next', 'ttl', 'metered', 'retention_s')
if not now[2] then return 'gone' end
if now[1] ~= ARGV[1] then return 'stale' end
redis.call('HDEL', state, 'lease:' .. ARGV[2])
redis.call('HSET', state, 'result:' .. ARGV[2], ARGV[3] .. '|' .. ARGV[4])
if ARGV[5] ~= '' then redis.call('HSET', state, 'language', ARGV[5]) end

local next_utterance, trim_to = tonumber(now[2]), nil
while true do
  local field = 'result:' .. next_utterance
  local result = redis.call('HGET', state, field)
  if not result then break end
  local bar = string.find(result, '|', 1, true)
  trim_to = tonumber(string.sub(result, 1, bar - 1))
  local event = string.sub(result, bar + 1)
  if event ~= '' then
    local seq = redis.call('HINCRBY', state, 'seq', 1)
    redis.call('XADD', events, 'MAXLEN', '~', ARGV[6], seq .. '-0', 'event', event)
    local told = (now[4] or now[5]) and cjson.decode(event)
    if told and told.type == 'final' then
      if now[4] then
        redis.call('HINCRBY', KEYS[4], 'finals', 1)
        redis.call('HINCRBY', KEYS[4], 'words', #told.words)
      end
      -- only where the list still is: its tenant may have had it deleted
      if now[5] and redis.call('RPUSHX', KEYS[5], event) > 0 then redis.call('EXPIRE', KEYS[5], now[5]) end
    end
  end
  redis.call('HDEL', state, field, 'drafted:' .. next_utterance, 'sure:' .. next_utterance,
             'drafting:' .. next_utterance, 'lease:draft:' .. next_utterance)
  next_utterance = next_utterance + 1
end
for _, key in ipairs({state, audio, events}) do redis.call('EXPIRE', key, now[3]) end
if not trim_to then return 'ok' end

redis.call('HSET', state, 'next', next_utterance)
redis.call('XTRIM', audio, 'MINID', '~', trim_to + 1)
local rest = redis.call('HMGET', state, 'last_partial', 'finishing', 'total', 'agreement_of')
if rest[4] and tonumber(rest[4]) < next_utterance then
  redis.call('HDEL', state, 'agreement', 'agreement_of')
  if rest[1] then
    redis.call('XDEL', events, rest[1] .. '-0')
    redis.call('HDEL', state, 'last_partial')
  end
end
if rest[2] and tonumber(rest[3]) == next_utterance then
  local seq = redis.call('HINCRBY', state, 'seq', 1)
  redis.call('XADD', events, seq .. '-0', 'event', rest[2])
  redis.call('DEL', audio)
  redis.call('EXPIRE', state, ARGV[7])
  redis.call('EXPIRE', events, ARGV[7])
end
return 'ok'
