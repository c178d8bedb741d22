"""A library's class of warnings, which a program may filter without its workers importing the library."""


class Late(UserWarning):
    pass
