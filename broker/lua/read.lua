-- Reads a piece of a room's log, across epochs, and says where the log ends. A server that is behind what the caller has seen
-- has lost something: it begins a new epoch, as it does when the caller found that the log differs from what was delivered.
--
-- KEYS log, top, who
-- ARGV channel, PUBLISH or SPUBLISH, epoch and offset that the caller has seen, epoch that has diverged (0: none), milliseconds to keep,
--      'tail' or the id to read from, how many messages and bytes at most (a whole batch more; a batch of that very id is not
--      counted, as the caller has it: it may be as large as a whole read, and then nothing would ever follow it)
-- Returns epoch, offset, the oldest kept offset of that epoch, members, version of the members, then id, number and messages
--      of each batch; a tail's batches come newest first.

local log, top, who = KEYS[1], KEYS[2], KEYS[3]
local channel, verb = ARGV[1], ARGV[2]
local seen_epoch, seen_offset, diverged = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local age, from, limit, bytes = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local t = redis.call('TIME')

local h = redis.call('HMGET', top, 'e', 'o', 'b', 'v')
local epoch, offset = tonumber(h[1]), tonumber(h[2])
if not epoch or seen_epoch > epoch or (seen_epoch == epoch and seen_offset > offset) or diverged == epoch then
  epoch = begin(log, top, math.max(seen_epoch, epoch or 0), t[1] * 1000000 + t[2])
  offset = 0
  redis.call(verb, channel, 'E' .. digits(epoch))
elseif age > 0 then
  trim(log, top, epoch, 0, tonumber(t[1]), 0, age)
end

local kept = redis.call('XRANGE', log, digits(epoch) .. '-0', '+', 'COUNT', 1)[1]
local first = offset + 1
if kept then first = tonumber(string.match(kept[1], '%d+$')) - tonumber(kept[2][1]) + 1 end
local result = {digits(epoch), digits(offset), digits(first), redis.call('HLEN', who), h[4] or '0'}

local start, got, size = from, 0, 0
local tail = from == 'tail'
if tail then start = '+' end
while limit > 0 do
  local page
  if tail then
    page = redis.call('XREVRANGE', log, start, digits(epoch) .. '-0', 'COUNT', 16)
  else
    page = redis.call('XRANGE', log, start, '+', 'COUNT', 16)
  end
  for _, entry in ipairs(page) do
    result[#result + 1] = entry[1]
    result[#result + 1] = entry[2][1]
    result[#result + 1] = entry[2][2]
    if entry[1] ~= from then
      got = got + tonumber(entry[2][1])
      size = size + #entry[2][2]
    end
    if got >= limit or size >= bytes then return result end
  end
  if #page < 16 then break end
  start = '(' .. page[#page][1]
end
return result
