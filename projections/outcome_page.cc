#include "projections/outcome_page.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

namespace solo::projections {
namespace {

constexpr std::size_t kMaxNumberBytes = 10;
constexpr std::size_t kFingerprintBytes = 16;

char* put_number(char* at, std::uint64_t number) {
  while (number >= 0x80) {
    *at++ = static_cast<char>(number | 0x80U);
    number >>= 7;
  }
  *at++ = static_cast<char>(number);
  return at;
}

/// Reads from the front of a page; once something is missing, all that follows is.
class Cursor {
 public:
  explicit Cursor(std::string_view rest) : rest_(rest) {}

  bool sound() const { return sound_; }
  bool at_end() const { return rest_.empty(); }

  std::uint64_t number() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      number |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return number;
    }
    sound_ = false;
    return 0;
  }

  std::string_view bytes(std::size_t count) {
    if (count > rest_.size()) {
      sound_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view text(std::string_view last) {
    const std::uint64_t length = number();
    return length == 0 ? last : bytes(length - 1);
  }

 private:
  std::string_view rest_;
  bool sound_ = true;
};

}  // namespace

void OutcomePageWriter::clear() {
  bytes_.clear();
  count_ = 0;
  last_offset_ = 0;
  tenant_.clear();
  source_.clear();
  message_.clear();
}

void OutcomePageWriter::put_text(std::string& last, std::string_view text) {
  if (text == last) {
    bytes_ += '\0';
    return;
  }
  std::array<char, kMaxNumberBytes> length;
  bytes_.append(length.data(), put_number(length.data(), text.size() + 1));
  bytes_ += text;
  last = text;
}

void OutcomePageWriter::add(const NewOutcome& outcome) {
  std::array<char, 6 * kMaxNumberBytes + kFingerprintBytes> numbers;
  char* at = numbers.data();
  at = put_number(at, static_cast<std::uint64_t>(outcome.offset - last_offset_));
  at = put_number(at, outcome.sequence);
  at = put_number(at, outcome.generation);
  at = put_number(at, outcome.restart_epoch);
  at = put_number(at, static_cast<std::uint64_t>(outcome.outcome));
  at = put_number(at, static_cast<std::uint64_t>(outcome.code));
  const auto fingerprint = outcome.fingerprint.bytes();
  std::memcpy(at, fingerprint.data(), kFingerprintBytes);
  bytes_.append(numbers.data(), at + kFingerprintBytes);
  put_text(tenant_, outcome.tenant);
  put_text(source_, outcome.source);
  put_text(message_, outcome.message);
  for (const std::string_view own : {outcome.id, outcome.service}) {
    std::array<char, kMaxNumberBytes> length;
    bytes_.append(length.data(), put_number(length.data(), own.size()));
    bytes_ += own;
  }
  last_offset_ = outcome.offset;
  ++count_;
}

bool read_outcome_page(std::string_view page, const std::function<void(const NewOutcome&)>& each) {
  Cursor cursor(page);
  NewOutcome outcome;
  while (!cursor.at_end()) {
    outcome.offset += static_cast<std::int64_t>(cursor.number());
    outcome.sequence = cursor.number();
    outcome.generation = cursor.number();
    outcome.restart_epoch = cursor.number();
    outcome.outcome = static_cast<v1::Outcome>(cursor.number());
    outcome.code = static_cast<v1::ErrorCode>(cursor.number());
    if (const std::string_view fingerprint = cursor.bytes(kFingerprintBytes); cursor.sound()) {
      outcome.fingerprint = schemas::Hash128::from_bytes(reinterpret_cast<const std::uint8_t*>(fingerprint.data()));
    }
    outcome.tenant = cursor.text(outcome.tenant);
    outcome.source = cursor.text(outcome.source);
    outcome.message = cursor.text(outcome.message);
    outcome.id = cursor.bytes(cursor.number());
    outcome.service = cursor.bytes(cursor.number());
    if (!cursor.sound()) return false;
    each(outcome);
  }
  return true;
}

}  // namespace solo::projections
