#include "producers/secret_bytes.h"

#include <sodium.h>

#include <algorithm>

namespace solo::producers {

namespace {

// Deeper than a request is ever handled.
constexpr std::size_t kStackBytes = 64 * 1024;

}  // namespace

void wipe_stack() { sodium_stackzero(kStackBytes); }

void wipe(std::string& text) {
  text.resize(text.capacity());
  sodium_memzero(text.data(), text.size());
  text.clear();
}

void append_secret(std::string& text, std::string_view more, std::size_t expected) {
  const std::size_t needed = text.size() + more.size();
  if (needed > text.capacity()) {
    std::string grown;
    grown.reserve(std::max(needed, std::min(expected, 2 * text.capacity())));
    grown.append(text);
    wipe(text);
    text.swap(grown);
  }
  text.append(more);
}

}  // namespace solo::producers
