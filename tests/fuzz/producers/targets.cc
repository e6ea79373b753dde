#include "tests/fuzz/producers/targets.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "producers/curve_keys.h"
#include "producers/gateway_frames.h"
#include "producers/zmtp_connection.h"
#include "schemas/ids.h"
#include "tests/fuzz/producers/zmtp_bytes.h"

namespace solo::test {
namespace {

using producers::ZmtpConnection;

constexpr std::size_t kMaxMessage = 4'096;
constexpr std::size_t kBudget = 8'192;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

void serve(const producers::CurveKeyPair* curve, std::string_view bytes) {
  producers::SystemEntropy entropy;
  ZmtpConnection::Options options;
  options.max_message = kMaxMessage;
  options.max_wire = 4 * kMaxMessage;
  options.curve = curve;
  ZmtpConnection::Budget budget{.limit = kBudget};
  {
    ZmtpConnection connection(options, budget, entropy);
    while (!bytes.empty()) {
      // In pieces of several sizes.
      std::string_view piece = bytes.substr(0, 1 + static_cast<unsigned char>(bytes.front()) % 97);
      bytes.remove_prefix(piece.size());
      while (!piece.empty()) {
        connection.feed(piece);
        expect(budget.held <= kBudget, "no more is held than the budget allows");
        while (connection.has_message()) {
          const auto message = connection.next();
          expect(message.frames.size() <= options.max_frames, "a few frames are kept");
          expect(message.frames.size() <= message.count, "what is kept was there");
          if (connection.state() == ZmtpConnection::State::open)
            connection.send(std::vector<std::string_view>{"answer"});
        }
      }
    }
    expect(connection.state() != ZmtpConnection::State::broken || !connection.why().empty(), "it says why it broke");
  }
  expect(budget.held == 0, "nothing is held when it is gone");
}

}  // namespace

void fuzz_zmtp(std::string_view bytes) { serve(nullptr, bytes); }

void fuzz_zmtp_open(std::string_view bytes) {
  serve(nullptr, zmtp_greeting("NULL") + zmtp_ready() + std::string(bytes));
}

void fuzz_zmtp_curve(std::string_view bytes) {
  static const producers::CurveKeyPair keys = [] {
    producers::SystemEntropy entropy;
    return producers::make_curve_keys(entropy);
  }();
  serve(&keys, bytes);
  serve(&keys, zmtp_greeting("CURVE") + std::string(bytes));
}

void fuzz_request_frames(std::string_view bytes) {
  std::vector<std::string_view> frames;
  for (;;) {
    const std::size_t end = bytes.find('\0');
    frames.push_back(bytes.substr(0, end));
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
  }
  const auto read = producers::read_frames(frames, frames.size(), kMaxMessage);
  expect(read.body.has_value() || !read.body.error().hint.empty(), "a refusal says what to do");
}

void fuzz_request_id(std::string_view text) {
  const std::string id = producers::id_in(text);
  expect(id.empty() || schemas::CommandIdKind::check(id).has_value(), "what is found is an id");
}

void fuzz_curve_key(std::string_view text) {
  const auto key = producers::parse_z85(text);
  if (key) expect(producers::parse_z85(producers::to_z85(*key)) == key, "a key is read back");
}

}  // namespace solo::test
