-- Calls a function of the product, each time as the next of the people in the file PEOPLE (lines of
-- place and token): CASE is send, inbox, page or search; MESSAGES how many there are, WORD what is searched.
local bodies = {
  send = function(place) return "send_message", '{"p_conversation_id": "' .. place .. '", "p_body": "Hello"}' end,
  inbox = function() return "get_conversations", '{"p_limit": 50}' end,
  page = function(place)
    local seq = math.random(51, tonumber(os.getenv("MESSAGES")))
    return "get_messages", '{"p_conversation": "' .. place .. '", "p_before_seq": ' .. seq .. '}'
  end,
  search = function() return "search_messages", '{"p_query": "' .. os.getenv("WORD") .. '"}' end,
}
local body = bodies[os.getenv("CASE")]
local people = {}
for line in io.lines(os.getenv("PEOPLE")) do
  local place, token = line:match("^(%S+) (%S+)$")
  people[#people + 1] = { place = place, token = token }
end
math.randomseed(os.time())
local turn = math.random(#people)

request = function()
  turn = turn % #people + 1
  local name, json = body(people[turn].place)
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. people[turn].token }
  return wrk.format("POST", "/rest/v1/rpc/" .. name, headers, json)
end

done = function(summary, latency)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  local per_second = summary.requests / (summary.duration / 1e6)
  if failed > 0 or summary.requests == 0 then print("failed " .. failed) else
    print(string.format("done %.0f %.1f %.1f", per_second, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3))
  end
end
