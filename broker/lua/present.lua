-- Says how many connections of clients an instance has in a room. Both hashes are of clients and their connections: here counts
-- those of one lease, who those of all. Whoever brings a client's total to or from zero announces it, so it is announced once.
--
-- KEYS who, here, top
-- ARGV channel, PUBLISH or SPUBLISH, 'full' if clients that are not named have left or 'some', number, then client and connections, …
--
-- The lease's numbers grow. One below the last, which is in here beside the clients, is that of an attempt that was stalled: what it
-- says is over. That is remembered for a while after the last client has gone, too.

local who, here, top = KEYS[1], KEYS[2], KEYS[3]
if tonumber(ARGV[4]) < tonumber(redis.call('HGET', here, '') or 0) then return 0 end
redis.call('HSET', here, '', ARGV[4])
local named, list = {}, {}
for i = 5, #ARGV, 2 do
  named[ARGV[i]] = true
  list[#list + 1] = {ARGV[i], tonumber(ARGV[i + 1])}
end
if ARGV[3] == 'full' then
  for _, client in ipairs(redis.call('HKEYS', here)) do
    if client ~= '' and not named[client] then list[#list + 1] = {client, 0} end
  end
end

local changed, words = false, {}
for _, entry in ipairs(list) do
  local client, n = entry[1], entry[2]
  local had = tonumber(redis.call('HGET', here, client) or 0)
  if n ~= had then
    if n == 0 then redis.call('HDEL', here, client) else redis.call('HSET', here, client, n) end
    local total = redis.call('HINCRBY', who, client, n - had)
    if total <= 0 then
      redis.call('HDEL', who, client)
      words[#words + 1] = '-' .. client
      changed = true
    elseif total == n - had then
      words[#words + 1] = '+' .. client
      changed = true
    elseif had == 0 or n == 0 then
      words[#words + 1] = '=' .. client
    end
  elseif n > 0 then
    words[#words + 1] = '=' .. client
  end
end
if redis.call('HLEN', here) > 1 then redis.call('PERSIST', here) else redis.call('PEXPIRE', here, 600000) end
if #words == 0 then return 0 end
if changed then redis.call('HINCRBY', top, 'v', 1) end
local head = 'P' .. (redis.call('HGET', top, 'v') or '0') .. ' ' .. redis.call('HLEN', who) .. '\n'
if #words > 200 then words = {} end -- names nobody reads
redis.call(ARGV[2], ARGV[1], head .. table.concat(words, '\0'))
return #words
