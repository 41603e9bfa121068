-- What wrk sends. Arguments: a file with one `path TAB token` a line, where in it to begin, and, for invitations, a
-- word that makes their addresses new. Every kind of request, the static one too, is sent in the same way, so that a
-- ratio of two rates says something about the server.

local requests, places = {}, {}
local at, number, stamp = 0, 0, nil

function init(args)
  stamp = args[3]
  for line in io.lines(args[1]) do
    local path, token = line:match("^([^\t]+)\t([^\t]+)$")
    local headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = stamp and "application/json" }
    if stamp then
      places[#places + 1] = { path = path, headers = headers }
    else
      requests[#requests + 1] = wrk.format("GET", path, headers)
    end
  end
  at = tonumber(args[2])
end

local syllables = {
  "an", "be", "ca", "do", "el", "fra", "gi", "hel", "is", "jo", "ka", "lu", "ma", "nor", "ol", "pe", "qui", "ro",
}

function name()
  local made = ""
  for _ = 1, 3 do made = made .. syllables[math.random(#syllables)] end
  return made
end

function request()
  at = at + 1
  if not stamp then return requests[at % #requests + 1] end
  number = number + 1
  local place = places[at % #places + 1]
  local first, last = name(), name()
  local body = string.format(
    '{"first_name":"%s","last_name":"%s","email":"%s.%s.%s%d@example.com","role_name":"DefaultUserRole"}',
    first, last, first, last, stamp, number
  )
  return wrk.format("POST", place.path, place.headers, body)
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
