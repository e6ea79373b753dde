// What the gateway reads from a socket before it knows who has sent it. Each takes any bytes.
#pragma once

#include <string_view>

namespace solo::test {

/// A connection with the mechanism NULL, from its first byte on.
void fuzz_zmtp(std::string_view bytes);
/// The same behind a finished handshake.
void fuzz_zmtp_open(std::string_view bytes);
/// A connection with CURVE.
void fuzz_zmtp_curve(std::string_view bytes);
/// CURVE's steps: a HELLO; behind a good one an INITIATE (bytes that begin with \10) or the metadata that a good one
/// seals; behind a finished handshake bytes (4 is set in the first, which is left out) or what a frame seals, its flags
/// in front.
void fuzz_curve_hello(std::string_view bytes);
void fuzz_curve_initiate(std::string_view bytes);
void fuzz_curve_message(std::string_view bytes);
/// Frames, cut at zero bytes: header, encoding, body.
void fuzz_request_frames(std::string_view bytes);
/// The id in a text that is no request.
void fuzz_request_id(std::string_view text);
/// Where to begin or to go on: a position, a cut, a bookmark.
void fuzz_place(std::string_view text);
/// The text of a CURVE key.
void fuzz_curve_key(std::string_view text);

}  // namespace solo::test
