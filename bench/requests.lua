-- What wrk sends. Arguments: a file with one `path TAB token` a line, where in it to begin, and, for writes, their kind
-- and a word that makes their addresses new. Every kind of request, the static one too, is sent in the same way, so that
-- a ratio of two rates says something about the server.

local requests, places = {}, {}
local at, number, write, stamp = 0, 0, nil, nil

local syllables = {
  "an", "be", "ca", "do", "el", "fra", "gi", "hel", "is", "jo", "ka", "lu", "ma", "nor", "ol", "pe", "qui", "ro",
}

function name()
  local made = ""
  for _ = 1, 3 do made = made .. syllables[math.random(#syllables)] end
  return made
end

function invitation()
  local first, last = name(), name()
  return string.format(
    '{"first_name":"%s","last_name":"%s","email":"%s.%s.%s%d@example.com","role_name":"DefaultUserRole"}',
    first, last, first, last, stamp, number
  )
end

function contact()
  local first, last = name(), name()
  return string.format(
    '{"displayName":"%s %s","firstName":"%s","lastName":"%s","email":"%s.%s.%s%d@example.com","phoneNumber":"+1%s%09d",'
      .. '"externalId":"#%d"}',
    first, last, first, last, first, last, stamp, number, stamp:gsub("%D", ""), number, number
  )
end

function contacts()
  local items = {}
  for place = 1, 1000 do
    items[place] = contact()
    number = number + 1
  end
  return '{"data":[' .. table.concat(items, ",") .. "]}"
end

function patch()
  return string.format('{"externalId":"#%s%d"}', stamp, number)
end

function rename()
  return string.format('{"lastName":"%s"}', name())
end

local writes = {
  invitation = { method = "POST", body = invitation },
  contact = { method = "POST", body = contact },
  contacts = { method = "POST", body = contacts },
  patch = { method = "PATCH", body = patch },
  rename = { method = "PATCH", body = rename },
}

function init(args)
  write, stamp = writes[args[3]], args[4]
  for line in io.lines(args[1]) do
    local path, token = line:match("^([^\t]+)\t([^\t]+)$")
    local headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = write and "application/json" }
    if write then
      places[#places + 1] = { path = path, headers = headers }
    else
      requests[#requests + 1] = wrk.format("GET", path, headers)
    end
  end
  at = tonumber(args[2])
end

function request()
  at = at + 1
  if not write then return requests[at % #requests + 1] end
  number = number + 1
  local place = places[at % #places + 1]
  return wrk.format(write.method, place.path, place.headers, write.body())
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nMEASURED {"requests":%d,"micros":%d,"bytes":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
