// A glance at JSON that may not be JSON: one text in it, without reading the rest.
#pragma once

#include <string_view>

namespace solo::schemas {

/// What stands between the quotes of the first field of that name in the outermost object, escapes as they are. Empty:
/// there is none, or it is no text. In JSON that can be read it is that field; in any other it may be anything.
std::string_view outer_text(std::string_view json, std::string_view name);

}  // namespace solo::schemas
