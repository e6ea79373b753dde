#include "ops/root_token.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <system_error>

#include "consumers/files.h"
#include "producers/secret_bytes.h"
#include "schemas/ids.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

/// A token, and room for blanks around it.
constexpr std::size_t kMaxFile = 256;
constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

std::filesystem::path root_token_path(const std::filesystem::path& state_dir) { return state_dir / "root.token"; }

std::filesystem::path next_root_token_path(const std::filesystem::path& state_dir) {
  return state_dir / "root.token.new";
}

Result<schemas::TokenText> read_token_file(const std::filesystem::path& path) {
  auto content = consumers::read_file(path, kMaxFile);
  if (!content) return fail(content.error());
  const std::string_view text = trimmed(*content);
  Result<schemas::TokenText> token = fail(ErrorCode::invalid_argument, fmt::format("{} holds no token", path.string()),
                                          "it has to hold one token and nothing else");
  if (schemas::check_token(text)) token = schemas::TokenText(text);
  producers::wipe(*content);
  return token;
}

Result<schemas::TokenHash> write_new_token(const std::filesystem::path& path, producers::Entropy& entropy) {
  std::array<std::uint8_t, schemas::kTokenBytes> secret{};
  entropy.fill(secret);
  const schemas::TokenText token = schemas::make_token(secret);
  sodium_memzero(secret.data(), secret.size());
  std::string line;
  line.reserve(schemas::kTokenLength + 1);
  line.append(token.reveal()).push_back('\n');
  const auto written = consumers::write_file(path, line, 0600);
  producers::wipe(line);
  if (!written) return fail(written.error());
  return schemas::hash_token(token.reveal());
}

v1::EventT root_grant(const schemas::TokenHash& hash, std::string id, std::int64_t wall_us) {
  const std::string tenant(schemas::kSystemTenant);
  v1::CapabilityGrantedT granted;
  granted.hash = schemas::to_string(hash);
  granted.all_tenants = true;
  granted.permissions = {v1::Permission::admin};
  granted.services = "*";
  granted.note = "root";
  granted.root = true;
  v1::EventT event;
  event.id = std::move(id);
  event.source = schemas::command_source(schemas::TenantName::trusted(tenant));
  event.tenant = tenant;
  event.time = wall_us;
  event.payload.Set(std::move(granted));
  return event;
}

Result<void> take_next_root_token(const std::filesystem::path& state_dir) {
  std::error_code error;
  std::filesystem::rename(next_root_token_path(state_dir), root_token_path(state_dir), error);
  if (error) {
    return fail(ErrorCode::unavailable,
                fmt::format("cannot rename {} to {}: {}", next_root_token_path(state_dir).string(),
                            root_token_path(state_dir).string(), error.message()));
  }
  return consumers::sync_path(state_dir);
}

}  // namespace solo::ops
