# SPDX-License-Identifier: Apache-2.0
# One INTERFACE target carries every flag, so that no target can forget one.
add_library(sanji_flags INTERFACE)
target_include_directories(sanji_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(sanji_flags INTERFACE _GNU_SOURCE SANJI_VERSION="${PROJECT_VERSION}")
target_compile_options(sanji_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wcast-qual -Wvla -Wformat=2 -Wswitch-enum -Wundef -Wfloat-equal
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
    -fstack-protector-strong -fno-common)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(sanji_flags INTERFACE -Wduplicated-cond -Wduplicated-branches -Wlogical-op
        -Wjump-misses-init -Wformat-signedness)
endif()
if(SANJI_WERROR)
    target_compile_options(sanji_flags INTERFACE -Werror)
endif()
if(SANJI_SANITIZE)
    target_compile_options(sanji_flags INTERFACE -fsanitize=${SANJI_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=undefined)
    target_link_options(sanji_flags INTERFACE -fsanitize=${SANJI_SANITIZE})
else()
    target_compile_options(sanji_flags INTERFACE $<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
    target_link_options(sanji_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(SANJI_COVERAGE)
    target_compile_options(sanji_flags INTERFACE --coverage -O0 -Wno-format-truncation)
    target_link_options(sanji_flags INTERFACE --coverage)
endif()
if(SANJI_FUZZ)
    # Coverage feedback for every layer; the targets add -fsanitize=fuzzer themselves.
    target_compile_options(sanji_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
