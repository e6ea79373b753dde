#include "projections/keys.h"

#include <algorithm>
#include <cassert>

namespace solo::projections {
namespace {

constexpr char kSeparator = '\0';
constexpr std::size_t kOffsetBytes = 8;

}  // namespace

std::string prefix_key(View view) { return std::string(1, static_cast<char>(view)); }

std::string text_key(View view, std::string_view text) {
  std::string key;
  key.reserve(1 + text.size());
  key += static_cast<char>(view);
  key += text;
  return key;
}

std::string offset_key(View view, std::int64_t offset) {
  std::string key(1 + kOffsetBytes, static_cast<char>(view));
  auto rest = static_cast<std::uint64_t>(offset);
  for (std::size_t at = kOffsetBytes; at > 0; --at) {
    key[at] = static_cast<char>(rest & 0xffU);
    rest >>= 8;
  }
  return key;
}

void put_service_key(std::string& key, std::string_view tenant, std::string_view service) {
  key.assign(1, static_cast<char>(View::service));
  key += tenant;
  key += kSeparator;
  key += service;
}

std::string service_key(std::string_view tenant, std::string_view service) {
  std::string key;
  key.reserve(2 + tenant.size() + service.size());
  put_service_key(key, tenant, service);
  return key;
}

std::string tenant_services_end(std::string_view tenant) { return end_of_prefix(service_key(tenant, {})); }

std::string mark_key(std::int64_t offset) {
  const char key[] = {static_cast<char>(View::mark), static_cast<char>(offset % kMarks)};
  return std::string(key, sizeof key);
}

std::optional<std::pair<std::string_view, std::string_view>> split_service_key(std::string_view key) {
  if (key.empty() || key.front() != static_cast<char>(View::service)) return std::nullopt;
  key.remove_prefix(1);
  const std::size_t at = key.find(kSeparator);
  if (at == std::string_view::npos) return std::nullopt;
  return std::pair(key.substr(0, at), key.substr(at + 1));
}

std::string token_parent_key(std::string_view tenant, std::string_view parent, std::string_view accessor) {
  std::string key;
  key.reserve(3 + tenant.size() + parent.size() + accessor.size());
  key += static_cast<char>(View::token_parent);
  key += tenant;
  key += kSeparator;
  key += parent;
  key += kSeparator;
  key += accessor;
  return key;
}

std::string token_expiry_key(std::int64_t expired_by, std::string_view accessor) {
  std::string key = offset_key(View::token_expiry, std::max<std::int64_t>(expired_by, 0));
  key += accessor;
  return key;
}

std::optional<TokenPlace> split_token_parent_key(std::string_view key) {
  if (key.empty() || key.front() != static_cast<char>(View::token_parent)) return std::nullopt;
  key.remove_prefix(1);
  const std::size_t first = key.find(kSeparator);
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = key.find(kSeparator, first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return TokenPlace{key.substr(0, first), key.substr(first + 1, second - first - 1), key.substr(second + 1)};
}

std::vector<std::string> token_index_keys(const TokenPlace& place, std::int64_t expired_by) {
  std::vector<std::string> keys{token_parent_key(place.tenant, place.parent, place.accessor)};
  if (expired_by != 0) keys.push_back(token_expiry_key(expired_by, place.accessor));
  return keys;
}

std::string_view accessor_of_expiry_key(std::string_view key) {
  return key.substr(std::min(key.size(), 1 + kOffsetBytes));
}

std::int64_t offset_of_key(std::string_view key) {
  std::uint64_t offset = 0;
  for (const char byte : key.substr(1)) offset = offset << 8 | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(offset);
}

std::string end_of_prefix(std::string prefix) {
  assert(!prefix.empty() && static_cast<unsigned char>(prefix.back()) != 0xff);
  ++prefix.back();
  return prefix;
}

}  // namespace solo::projections
