// libFuzzer's entry for one target.
#include <cstddef>
#include <cstdint>

#include SOLO_FUZZ_HEADER

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  solo::test::SOLO_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
