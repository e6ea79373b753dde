// What untrusted bytes may not do to schemas. Each function returns, whatever it is given, and aborts when a value it
// got cannot be written and read back as the same value.
#pragma once

#include <string_view>

namespace solo::test {

void fuzz_event(std::string_view bytes);
void fuzz_request(std::string_view bytes);
void fuzz_reply(std::string_view bytes);
void fuzz_request_json(std::string_view text);
void fuzz_token(std::string_view text);

}  // namespace solo::test
