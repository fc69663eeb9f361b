# SPDX-License-Identifier: Apache-2.0
# sanji_embed(TARGET NAME symbol FILE path): makes `const unsigned char symbol[]` and `symbol_len`
# from a file, by the assembler's .incbin, so that large tables cost no compile time.
function(sanji_embed target)
    cmake_parse_arguments(E "" "NAME;FILE" "DEPENDS" ${ARGN})
    set(out ${CMAKE_CURRENT_BINARY_DIR}/embed_${E_NAME}.c)
    get_filename_component(abs ${E_FILE} ABSOLUTE)
    file(CONFIGURE OUTPUT ${out} @ONLY CONTENT [=[/* generated: @abs@ */
#include <stddef.h>
__asm__(".section .rodata\n.balign 16\n.global @E_NAME@\n@E_NAME@:\n.incbin \"@abs@\"\n.global @E_NAME@_end\n@E_NAME@_end:\n.byte 0\n.previous\n");
extern const unsigned char @E_NAME@[], @E_NAME@_end[];
size_t @E_NAME@_size(void);
size_t @E_NAME@_size(void)
{
    return (size_t)(@E_NAME@_end - @E_NAME@);
}
]=])
    set_source_files_properties(${out} PROPERTIES OBJECT_DEPENDS "${abs};${E_DEPENDS}")
    target_sources(${target} PRIVATE ${out})
endfunction()
