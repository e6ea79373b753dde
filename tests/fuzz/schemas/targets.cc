#include "tests/fuzz/schemas/targets.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "schemas/codec.h"
#include "schemas/fingerprint.h"
#include "schemas/json.h"
#include "schemas/schemas.h"
#include "schemas/service_glob.h"
#include "schemas/token.h"

namespace solo::test {
namespace {

using namespace schemas;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

void expect_good(const Error& error) {
  expect(error.code != ErrorCode::ok && error.code != ErrorCode::internal, "the error's code is about the input");
  expect(is_utf8(error.message) && is_utf8(error.hint), "the error is UTF-8");
  expect(error.message.size() < 4096, "the error is short");
}

// Written out, parts that shared bytes stand alone and the limits may be passed.
bool is_over_a_limit(const Error& error, std::size_t size, std::size_t limit) {
  return size > limit || error.code == ErrorCode::resource_exhausted;
}

template <class Native, class Decode, class FromJson>
void round_trip(const Native& value, std::size_t limit, Decode decode, FromJson from_json) {
  const std::string bytes = encode(value);
  const auto again = decode(bytes);
  expect(again ? *again == value : is_over_a_limit(again.error(), bytes.size(), limit), "bytes are read back");
  JsonCodec codec;
  const std::string json = codec.to_json(value);
  const auto parsed = from_json(codec, json);
  expect(parsed ? *parsed == value : is_over_a_limit(parsed.error(), json.size(), limit / 8), "JSON is read back");
}

}  // namespace

void fuzz_event(std::string_view bytes) {
  const auto event = decode_event(bytes);
  if (!event) return expect_good(event.error());
  round_trip(*event, kMaxEventBytes, decode_event,
             [](JsonCodec& codec, const std::string& json) { return codec.event_from_json(json); });
  const std::string own(bytes);
  const auto in_place = view_event(own);
  expect(in_place && request_fingerprint(**in_place) == request_fingerprint(*event), "one fingerprint in both forms");
}

void fuzz_request(std::string_view bytes) {
  const auto request = decode_request(bytes);
  if (!request) return expect_good(request.error());
  round_trip(*request, kMaxRequestBytes, decode_request,
             [](JsonCodec& codec, const std::string& json) { return codec.request_from_json(json); });
}

void fuzz_reply(std::string_view bytes) {
  const auto reply = decode_reply(bytes);
  if (!reply) return expect_good(reply.error());
  round_trip(*reply, kMaxReplyBytes, decode_reply,
             [](JsonCodec& codec, const std::string& json) { return codec.reply_from_json(json); });
}

void fuzz_request_json(std::string_view text) {
  JsonCodec codec;
  const auto request = codec.request_from_json(text);
  if (!request) return expect_good(request.error());
  round_trip(*request, kMaxRequestBytes, decode_request,
             [](JsonCodec& other, const std::string& json) { return other.request_from_json(json); });
}

void fuzz_token(std::string_view text) {
  const auto checked = check_token(text);
  if (!checked) expect_good(checked.error());
  const TokenHash hash = hash_token(text);
  const auto again = parse_token_hash(to_string(hash));
  expect(again && *again == hash, "a hash is read back");
  expect(check_accessor(token_accessor(hash)).has_value(), "an accessor has its form");
  if (const auto parsed = parse_token_hash(text)) expect(to_string(*parsed) == text, "a hash has one form");
  if (const auto accessor = check_accessor(text); !accessor) expect_good(accessor.error());
  const auto glob = check_service_glob(text);
  if (!glob) return expect_good(glob.error());
  expect(glob_within(text, kEveryService) && glob_within(text, text),
         "a pattern is within itself and within every one");
}

}  // namespace solo::test
