-- What the scripts of a room share. A room has, under one hash tag:
--   log   a stream; an entry is one batch: its id is <epoch>-<offset of its last message>, its field the number of its messages
--   top   a hash: e and o, the position; b, the bytes ever written; cb, ct and cp, the checkpoints, see trim;
--         i<instance>, the last batch of an instance, see publish.lua
-- Numbers stay below 2^53, so a Lua number holds them.

local function digits(n) return string.format('%.0f', n) end

-- Begins an epoch that is larger than each the caller, the log and the clock know of, so ids only grow.
local function begin(log, top, seen, micros)
  local epoch = math.max(micros, seen + 1)
  local info = redis.pcall('XINFO', 'STREAM', log)
  if not info.err then
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then
        epoch = math.max(epoch, tonumber(string.match(info[i + 1], '^%d+')) + 1)
      end
    end
  end
  redis.call('HSET', top, 'e', digits(epoch), 'o', '0', 'b', '0')
  redis.call('HDEL', top, 'cb', 'ct', 'cp')
  redis.call('PEXPIRE', top, 3600000)
  return epoch
end

-- Drops what is beyond bytes or age. Every sixteenth of either leaves a checkpoint offset:bytes:second; when the
-- checkpoint itself is beyond, so is all up to its offset. So nothing has to be searched, and no entry says how old it is.
local function trim(log, top, epoch, written, second, bytes, age)
  local cp = redis.call('HGET', top, 'cp')
  if not cp then return end
  local keep, from = cp, nil
  for offset, b, s in string.gmatch(cp, '(%d+):(%d+):(%d+);') do
    if (bytes > 0 and written - tonumber(b) >= bytes) or (age > 0 and (second - tonumber(s)) * 1000 >= age) then
      from = tonumber(offset) + 1
      keep = string.sub(keep, string.find(keep, ';', 1, true) + 1)
    else
      break
    end
  end
  if from then
    redis.call('XTRIM', log, 'MINID', digits(epoch) .. '-' .. digits(from))
    redis.call('HSET', top, 'cp', keep)
  end
end
