foreach(part IN ITEMS Answers Outcomes Plugins Sharing Sizes)
    string(TOLOWER ${part} name)
    qx_add_script_test(farm.${name} SCRIPT integration/farm.py ARGS ${part} TIMEOUT 240 LABELS integration release)
endforeach()
