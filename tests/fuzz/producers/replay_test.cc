// The fuzzers' targets as ordinary tests.
#include <gtest/gtest.h>

#include "tests/fuzz/mutations.h"
#include "tests/fuzz/producers/targets.h"
#include "tests/fuzz/producers/zmtp_bytes.h"

namespace solo::test {
namespace {

const std::string kRequest = std::string("\1\0", 2) + std::string("\1\13solo/1 json", 13) + std::string("\0\2{}", 4);
const std::string kPing("\4\12\4PING\0\1abc", 12);
/// Each costs a CURVE handshake.
constexpr int kHandshakes = 2'000;
const std::string kLong = std::string("\2\0\0\0\0\0\0\1\0", 9) + std::string(256, 'x');

std::string hello() {
  std::string command("\5HELLO\1\0", 8);
  command.resize(200, 'k');
  return std::string("\4\310", 2) + command;
}

TEST(Fuzz, Zmtp) {
  const std::string start = zmtp_greeting("NULL") + zmtp_ready();
  replay({start + kRequest, start + kPing + kLong}, fuzz_zmtp);
}
TEST(Fuzz, ZmtpOpen) { replay({kRequest + kRequest, kPing, kLong, kRequest + kLong + kPing}, fuzz_zmtp_open); }
TEST(Fuzz, ZmtpCurve) { replay({hello(), hello() + kRequest}, fuzz_zmtp_curve); }
TEST(Fuzz, CurveHello) { replay({hello().substr(2)}, fuzz_curve_hello); }
TEST(Fuzz, CurveInitiate) {
  std::string command("\10INITIATE", 9);
  command.resize(9 + 96 + 8 + 144, 'k');
  replay({command, std::string("\13Socket-Type\0\0\0\6DEALER\10Identity\0\0\0\0", 35)}, fuzz_curve_initiate,
         kHandshakes);
}
TEST(Fuzz, CurveMessage) {
  replay({std::string("\2\4PING\0\1abc", 11), std::string("\1solo/1 json", 12), std::string("\2\5ERROR\3400", 11),
          std::string("\4\0\42\7MESSAGE\0\0\0\0\0\0\0\7sealedsealedsealed", 36)},
         fuzz_curve_message, kHandshakes);
}
TEST(Fuzz, RequestFrames) {
  const std::string with_empty_frame("\0solo/1 json\0{}", 15);
  replay({with_empty_frame, with_empty_frame.substr(1), std::string("solo/1 flatbuffers\0x", 20)}, fuzz_request_frames);
}
TEST(Fuzz, RequestId) {
  replay({R"({"id":"a-1","body":{"id":"b","list":[1,2]},"x":"\"\\"})", R"({"tenant":"acme", "id" : "a-1"})"},
         fuzz_request_id);
}
TEST(Fuzz, Place) { replay({"0:1,2:33,7:9223372036854775807", "3/acme/web", "0:0"}, fuzz_place); }
TEST(Fuzz, CurveKey) { replay({"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"}, fuzz_curve_key); }

}  // namespace
}  // namespace solo::test
