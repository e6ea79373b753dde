#include "schemas/service_glob.h"

#include <algorithm>
#include <string>

#include "schemas/ids.h"
#include "schemas/text.h"

namespace solo::schemas {
namespace {

constexpr std::size_t kMaxNameLength = 63;

bool is_prefix_glob(std::string_view glob) { return !glob.empty() && glob.back() == '*'; }

bool starts_with(std::string_view text, std::string_view head) { return text.substr(0, head.size()) == head; }

std::string_view head_of(std::string_view glob) { return glob.substr(0, glob.size() - 1); }

}  // namespace

Result<void> check_service_glob(std::string_view glob) {
  constexpr const char* kForms = "name one service (web), several that begin alike (web-*), or every one (*)";
  if (!is_prefix_glob(glob)) {
    auto good = ServiceKind::check(glob);
    if (good) return good;
    Error error = good.error();
    error.hint = kForms;
    return fail(std::move(error));
  }
  const std::string_view head = head_of(glob);
  const bool letters = std::all_of(head.begin(), head.end(),
                                   [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (letters && head.size() < kMaxNameLength && !starts_with(head, "-")) return {};
  return fail(ErrorCode::invalid_argument, quote(glob) + " is neither a service's name nor the beginning of one and *",
              kForms);
}

bool glob_matches(std::string_view glob, std::string_view service) {
  return is_prefix_glob(glob) ? starts_with(service, head_of(glob)) : glob == service;
}

bool glob_within(std::string_view inner, std::string_view outer) {
  if (!is_prefix_glob(inner)) return glob_matches(outer, inner);
  return is_prefix_glob(outer) && starts_with(head_of(inner), head_of(outer));
}

std::optional<std::string_view> glob_intersection(std::string_view left, std::string_view right) {
  if (glob_within(left, right)) return left;
  if (glob_within(right, left)) return right;
  return std::nullopt;
}

}  // namespace solo::schemas
