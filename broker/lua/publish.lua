-- Checks, numbers, stores and pushes one batch of a room.
--
-- KEYS log, top, two hashes of client keys
-- ARGV channel, PUBLISH or SPUBLISH, instance, batch number, epoch and offset that the caller has seen, messages, bytes and
--      milliseconds to keep (0: no limit), the number n of messages, 1 if there are client keys, then
--      without keys: the messages as one string; with keys: a client key ('' for none) and a message, n times.
-- Returns epoch, offset of the last message, and '' or with keys a word for each message: '+' if it was stored, else where its
--      first publish is. A single 'stale' answers an attempt that later batches have overtaken: nobody waits for it.

local log, top = KEYS[1], KEYS[2]
local channel, verb, me, number = ARGV[1], ARGV[2], 'i' .. ARGV[3], tonumber(ARGV[4])
local seen_epoch, seen_offset = tonumber(ARGV[5]), tonumber(ARGV[6])
local keep, bytes, age = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local n = tonumber(ARGV[10])
local t = redis.call('TIME')
local second = tonumber(t[1])

local h = redis.call('HMGET', top, 'e', 'o', me, 'b', 'cb', 'ct')
if h[3] then
  local last, _, epoch, offset, words = string.match(h[3], '^(%d+) (%d+) (%d+) (%d+) (.*)$')
  if number == tonumber(last) then
    redis.call('HSET', top, me, h[3]) -- a write, so that WAIT has something to wait for
    return {epoch, offset, words}
  elseif number < tonumber(last) then
    return {'stale'}
  end
elseif redis.call('HLEN', top) > 40 then -- instances that are long gone
  local all = redis.call('HGETALL', top)
  for i = 1, #all, 2 do
    local s = string.match(all[i + 1], '^%d+ (%d+) ')
    if string.sub(all[i], 1, 1) == 'i' and s and second - tonumber(s) > 3600 then redis.call('HDEL', top, all[i]) end
  end
end

local epoch, offset, written = tonumber(h[1]), tonumber(h[2]), tonumber(h[4] or 0)
local cb, ct = tonumber(h[5] or 0), tonumber(h[6] or 0)
if not epoch or seen_epoch > epoch or (seen_epoch == epoch and seen_offset > offset) then
  epoch = begin(log, top, math.max(seen_epoch, epoch or 0), second * 1000000 + tonumber(t[2]))
  offset, written, cb, ct = 0, 0, 0, 0
  redis.call(verb, channel, 'E' .. digits(epoch))
end

local first, data, words = offset + 1, nil, ''
if ARGV[11] ~= '1' then
  data = ARGV[12]
  offset = offset + n
else
  local slice = math.floor(second / 300)
  local young, old = KEYS[3 + slice % 2], KEYS[4 - slice % 2]
  local blobs, result, new = {}, {}, false
  for i = 1, n do
    local key, blob = ARGV[10 + 2 * i], ARGV[11 + 2 * i]
    local at = key ~= '' and (redis.call('HGET', young, key) or redis.call('HGET', old, key))
    if at then
      result[i] = at
    else
      offset = offset + 1
      result[i] = '+'
      blobs[#blobs + 1] = blob
      if key ~= '' then
        redis.call('HSET', young, key, digits(epoch) .. '-' .. digits(offset))
        new = true
      end
    end
  end
  if new then redis.call('EXPIREAT', young, (slice + 2) * 300) end
  n, data, words = #blobs, table.concat(blobs), table.concat(result, ' ')
end

if n > 0 then
  local id = digits(epoch) .. '-' .. digits(offset)
  if keep > 0 and offset > keep then
    redis.call('XADD', log, 'MINID', '~', digits(epoch) .. '-' .. digits(offset - keep + 1), id, digits(n), data)
  else
    redis.call('XADD', log, id, digits(n), data)
  end
  written = written + #data + 64 * n
  if (bytes > 0 and (written - cb) * 16 >= bytes) or (age > 0 and (second - ct) * 16000 >= age) then
    local cp = redis.call('HGET', top, 'cp') or ''
    cp = cp .. digits(offset) .. ':' .. digits(written) .. ':' .. digits(second) .. ';'
    redis.call('HSET', top, 'cp', cp, 'cb', digits(written), 'ct', digits(second))
    trim(log, top, epoch, written, second, bytes, age)
    -- While anything is published the next checkpoint is a sixteenth of the age away at most, or two seconds: so this need not be
    -- said with each batch.
    if age > 0 then
      redis.call('PEXPIRE', log, age + math.floor(age / 8) + 2000)
      redis.call('PEXPIRE', top, age + math.floor(age / 4) + 3600000)
    end
  end
end
redis.call('HSET', top, 'o', digits(offset), 'b', digits(written), me,
  ARGV[4] .. ' ' .. t[1] .. ' ' .. digits(epoch) .. ' ' .. digits(offset) .. ' ' .. words)
if age == 0 and offset == n then redis.call('PERSIST', top) end -- its first batch
if n > 0 then redis.call(verb, channel, 'M' .. digits(epoch) .. ' ' .. digits(first) .. '\n' .. data) end
return {digits(epoch), digits(offset), words}
