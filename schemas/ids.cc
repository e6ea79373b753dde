#include "schemas/ids.h"

#include <algorithm>
#include <charconv>

#include "schemas/text.h"

namespace solo::schemas {
namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxCommandId = 64;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

Result<void> check_label(std::string_view what, std::string_view text) {
  const bool good = !text.empty() && text.size() <= kMaxLabel && is_alphanumeric(text.front()) &&
                    is_alphanumeric(text.back()) &&
                    std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
  if (good) return {};
  const char* const grammar = "1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit";
  if (text.empty()) return fail(ErrorCode::invalid_argument, std::string(what) + " is not given", grammar);
  return fail(ErrorCode::invalid_argument, std::string(what) + " " + quote(text) + " is not a name Solo takes",
              grammar);
}

Result<void> TenantKind::check(std::string_view text) { return check_label("tenant", text); }
Result<void> ServiceKind::check(std::string_view text) { return check_label("service", text); }
Result<void> NodeKind::check(std::string_view text) { return check_label("node", text); }

Result<void> CommandIdKind::check(std::string_view text) {
  const bool good = !text.empty() && text.size() <= kMaxCommandId &&
                    std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x21 && c <= 0x7e; });
  if (good) return {};
  const char* const grammar = "1 to 64 printable ASCII characters, no spaces";
  if (text.empty()) return fail(ErrorCode::invalid_argument, "id is not given", grammar);
  return fail(ErrorCode::invalid_argument, "id " + quote(text) + " is not a command id", grammar);
}

std::string to_string(const ServiceKey& key) { return key.tenant.str() + "/" + key.service.str(); }

std::string instance_id(std::string_view run, std::uint64_t number) {
  return std::string(run) + "-" + std::to_string(number);
}

std::string command_source(const TenantName& tenant) { return "/commands/" + tenant.str(); }
std::string node_source(const NodeName& node) { return "/nodes/" + node.str(); }

Result<std::uint64_t> observation_sequence(std::string_view id, std::string_view run) {
  const auto other_form = [&] {
    return fail(ErrorCode::invalid_argument, "id " + quote(id) + " is not RUN-SEQUENCE of run " + quote(run));
  };
  if (!id.starts_with(run) || id.substr(run.size()).substr(0, 1) != "-") return other_form();
  const std::string_view digits = id.substr(run.size() + 1);
  // One way to write a number: a repeated observation has the same id, byte for byte.
  if (digits.size() > 1 && digits.front() == '0') return other_form();
  std::uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), sequence);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return other_form();
  return sequence;
}

}  // namespace solo::schemas
