// What can fail at run time returns Result<T>: a value, or an Error with a canonical code and words for
// the person who reads it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace solo::schemas {

/// The canonical gRPC codes. Values equal solo::v1::ErrorCode's (checked in result.cc).
enum class ErrorCode : std::uint8_t {
  ok = 0,
  invalid_argument,
  unauthenticated,
  permission_denied,
  not_found,
  already_exists,
  failed_precondition,
  deadline_exceeded,
  resource_exhausted,
  unavailable,
  unimplemented,
  internal,
  data_loss,
};

/// The code's snake_case name, as clients see it.
std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  /// What is wrong, in one sentence, with the name of the thing.
  std::string message;
  /// What to do about it; may be empty.
  std::string hint = {};
  /// The same call may succeed later without change.
  bool retryable = false;

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(ErrorCode::not_found, "no service acme/web")`.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string hint = {}, bool retryable = false) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint), retryable});
}

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

/// The same error with words in front of its message, for the caller's context.
tl::unexpected<Error> fail_with(std::string_view context, Error error);

}  // namespace solo::schemas
