#include "schemas/envelope.h"

#include <fmt/format.h>

#include "schemas/ids.h"

namespace solo::schemas {
namespace {

constexpr std::string_view kCommandPrefix = "/commands/";
constexpr std::string_view kNodePrefix = "/nodes/";

bool has_identity_length(std::string_view text) { return !text.empty() && text.size() <= kMaxIdentityBytes; }

tl::unexpected<Error> refuse(std::string message) { return fail(ErrorCode::invalid_argument, std::move(message)); }

}  // namespace

SourceKind kind_of_source(std::string_view source) {
  if (source.starts_with(kCommandPrefix)) return SourceKind::command;
  if (source.starts_with(kNodePrefix)) return SourceKind::node;
  return SourceKind::outsider;
}

Result<void> check_identity(std::string_view id, std::string_view source, std::string_view tenant) {
  if (!has_identity_length(id)) return refuse(fmt::format("an id has 1 to {} bytes", kMaxIdentityBytes));
  if (!has_identity_length(source)) return refuse(fmt::format("a source has 1 to {} bytes", kMaxIdentityBytes));
  switch (kind_of_source(source)) {
    case SourceKind::command:
      if (source.substr(kCommandPrefix.size()) == tenant) return {};
      return refuse(fmt::format("source {} does not go with tenant {}", source, tenant));
    case SourceKind::node:
      return NodeKind::check(source.substr(kNodePrefix.size()));
    case SourceKind::outsider:
      return {};
  }
  return {};
}

}  // namespace solo::schemas
