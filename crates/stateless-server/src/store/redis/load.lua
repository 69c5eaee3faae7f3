-- KEYS[1] session; ARGV[1] idle, ms. Answers {version, payload}, or nil. Never writes state: at most it moves the expiry.
local value = redis.call('GET', KEYS[1])
if not value then return false end
local version, deadline, payload = string.match(value, '^(%d+) (%d+) ()')
if not version then return redis.error_reply('CORRUPT not a session of ours') end

local idle = tonumber(ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if idle - left >= idle / 16 then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local expiry = math.min(now + idle, deadline - 1)
  -- Close to the absolute deadline there is nothing to gain, and no touch on every load.
  if expiry - now - left >= idle / 16 then redis.call('PEXPIREAT', KEYS[1], string.format('%d', expiry)) end
end
return {tonumber(version), string.sub(value, payload)}
