// The generated type of every table, by its name. Internal to schemas and its tests.
#pragma once

#include <string_view>

namespace flatbuffers {
struct TypeTable;
}

namespace solo::schemas {

/// Null: there is no table of that name.
const flatbuffers::TypeTable* find_table(std::string_view name);

}  // namespace solo::schemas
