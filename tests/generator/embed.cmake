# cmake -DIN=a.tsv -DOUT=a.c -DNAME=a_tsv -P embed.cmake: a file as a C array, with a NUL behind it.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "(..)" "'\\\\x\\1'," data "${hex}")
string(REGEX REPLACE "(('....',){24})" "\\1\n" data "${data}")
file(WRITE ${OUT} "extern const char ${NAME}[];\nconst char ${NAME}[] = {\n${data}0};\n")
