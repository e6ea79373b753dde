#include "schemas/result.h"

#include "schemas/schemas.h"

namespace solo::schemas {

static_assert(static_cast<int>(ErrorCode::ok) == static_cast<int>(v1::ErrorCode::ok));
static_assert(static_cast<int>(ErrorCode::data_loss) == static_cast<int>(v1::ErrorCode::data_loss));
static_assert(static_cast<int>(ErrorCode::data_loss) == static_cast<int>(v1::ErrorCode::MAX));

std::string_view to_string(ErrorCode code) { return v1::EnumNameErrorCode(static_cast<v1::ErrorCode>(code)); }

tl::unexpected<Error> fail_with(std::string_view context, Error error) {
  error.message = std::string(context) + ": " + error.message;
  return fail(std::move(error));
}

}  // namespace solo::schemas
