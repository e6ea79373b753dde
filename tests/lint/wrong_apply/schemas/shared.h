// Never compiled: what apply includes of schemas is looked at as well.
#pragma once

#include <chrono>  // offence: clock

namespace solo::schemas {

inline std::size_t table_slot(const std::string& name) { return std::hash<std::string>{}(name); }  // offence: hash order

}  // namespace solo::schemas
