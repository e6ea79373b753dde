# cmake -DPROGRAM=FILE -DWANTED=0|1 -P crash_points.cmake: are there crash points in the program, as wanted?
file(STRINGS ${PROGRAM} found REGEX "SOLO_CRASH_AT|view-set-aside")
if(WANTED AND NOT found)
  message(FATAL_ERROR "${PROGRAM} has no crash points")
elseif(NOT WANTED AND found)
  message(FATAL_ERROR "${PROGRAM} has crash points: ${found}")
endif()
