#pragma once

inline int dice() { return std::rand(); }  // offence: randomness
