-- ARGV cursor, pattern of our keys, wanted bytes, how many keys in one step. Answers {cursor, keys looked at, {key, version, ms to the
-- absolute deadline, ms to live, payload}...}. One step of a walk through all sessions; what is not wanted does not travel.
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = {}
for _, key in ipairs(page[2]) do
  local value = redis.call('GET', key)
  if value and string.find(value, ARGV[3], 1, true) then
    local version, deadline, payload = string.match(value, '^(%d+) (%d+) ()')
    if version then
      local left = redis.call('PTTL', key)
      table.insert(found, {key, tonumber(version), deadline - now, left, string.sub(value, payload)})
    end
  end
end
return {page[1], #page[2], found}
