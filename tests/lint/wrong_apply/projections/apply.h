#pragma once

#include <map>
#include <string>
