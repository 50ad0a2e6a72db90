-- Says where logs end, and keeps the positions of rooms that are watched from being forgotten.
-- KEYS tops   ARGV milliseconds to keep a position   Returns epoch and offset of each; '' where there is none.
local result = {}
for i, top in ipairs(KEYS) do
  local h = redis.call('HMGET', top, 'e', 'o')
  result[2 * i - 1], result[2 * i] = h[1] or '', h[2] or ''
  if redis.call('PTTL', top) >= 0 then redis.call('PEXPIRE', top, ARGV[1]) end
end
return result
