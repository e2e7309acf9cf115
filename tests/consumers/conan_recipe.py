"""conan_recipe.py WORK CMAKE GENERATOR CXX: runs the Conan recipe and its test package as Conan would, with a stand-in for Conan.

What it can't show: whether Conan's own functions and the recipes of the dependencies have these names.
"""

import fnmatch
import importlib.util
import os
import shutil
import subprocess
import sys
import types

work, cmake, generator, cxx = sys.argv[1:]
recipes = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cmake", "packaging", "conan")


class ConanFile:
    def requires(self, reference, **traits):
        self.required[reference.split("/")[0]] = traits


class Settings(types.SimpleNamespace):
    def get_safe(self, name):
        return {"compiler.cppstd": self.cppstd}[name]


class CppInfo:
    def __init__(self):
        self.properties, self.defines, self.system_libs, self.includedirs = {}, [], [], ["include"]

    def set_property(self, name, value):
        self.properties[name] = value


class Invalid(Exception):
    pass


def copy(_, pattern, src, dst):
    for folder, _, names in os.walk(src):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), src)
            if fnmatch.fnmatch(path, pattern):
                os.makedirs(os.path.dirname(os.path.join(dst, path)), exist_ok=True)
                shutil.copy(os.path.join(folder, name), os.path.join(dst, path))


def load(_, path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def check_min_cppstd(recipe, least):
    if int(recipe.settings.cppstd) < least:
        raise Invalid


class CMake:
    def __init__(self, recipe):
        self.recipe = recipe

    def configure(self):
        run(cmake, "-S", os.path.dirname(self.recipe.path), "-B", self.recipe.build_folder, "-G", generator,
            f"-DCMAKE_CXX_COMPILER={cxx}", f"-Dsse_DIR={self.recipe.generators_folder}")

    def build(self):
        run(cmake, "--build", self.recipe.build_folder)


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def module(name, **members):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)


module("conan", ConanFile=ConanFile)
module("conan.tools")
module("conan.tools.build", check_min_cppstd=check_min_cppstd, can_run=lambda recipe: True)
module("conan.tools.files", copy=copy, load=load)
module("conan.tools.cmake", CMake=CMake, cmake_layout=lambda recipe: None)


def recipe_of(path, class_name, system="Linux"):
    spec = importlib.util.spec_from_file_location(class_name, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    recipe = getattr(loaded, class_name)()
    recipe.path, recipe.recipe_folder, recipe.required = path, os.path.dirname(path), {}
    recipe.settings = Settings(os=system, cppstd="20")
    return recipe


def package(boost, system="Linux", gzip=False, tls=False):
    folder = os.path.join(work, system, "boost" if boost else "tls" if tls else "gzip" if gzip else "asio")
    recipe = recipe_of(os.path.join(recipes, "conanfile.py"), "SseConan", system)
    assert set(recipe.options) == {"boost_asio", "gzip", "tls"}, recipe.options
    recipe.options = types.SimpleNamespace(boost_asio=boost, gzip=gzip, tls=tls)
    recipe.set_version()
    assert recipe.version.count(".") == 2, recipe.version
    # The recipe alone is in Conan's cache from here on, and what it has exported.
    recipe.export_sources_folder = recipe.source_folder = os.path.join(folder, "source")
    recipe.export_sources()
    recipe.recipe_folder = os.path.join(folder, "cache")
    recipe.requirements()
    wanted = {"nlohmann_json", "boost" if boost else "asio"}
    wanted |= ({"zlib"} if gzip else set()) | ({"openssl"} if tls else set())
    assert set(recipe.required) == wanted, recipe.required
    recipe.validate()
    recipe.settings.cppstd = "17"
    try:
        recipe.validate()
    except Invalid:
        pass
    else:
        raise AssertionError("C++17 is valid")
    recipe.package_folder = os.path.join(folder, "package")
    recipe.package()
    assert sorted(os.listdir(recipe.package_folder)) == ["include", "licenses"]
    recipe.info = types.SimpleNamespace(clear=lambda: setattr(recipe, "cleared", True))
    recipe.package_id()
    assert recipe.cleared
    recipe.cpp_info = CppInfo()
    recipe.package_info()
    for requirement in recipe.cpp_info.requires:
        assert requirement.split("::")[0] in recipe.required, requirement
    return folder, recipe


# CMakeDeps's files, for the packages that this machine has.
def generate(folder, recipe):
    info = recipe.cpp_info
    os.makedirs(os.path.join(folder, "generators"))
    with open(os.path.join(folder, "generators", info.properties["cmake_file_name"] + "Config.cmake"), "w", encoding="utf-8") as file:
        file.write(f"""find_package(nlohmann_json REQUIRED)
add_library({info.properties["cmake_target_name"]} INTERFACE IMPORTED)
set_target_properties({info.properties["cmake_target_name"]} PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "{";".join(os.path.join(recipe.package_folder, one) for one in info.includedirs)}"
  INTERFACE_COMPILE_DEFINITIONS "{";".join(info.defines)}"
  INTERFACE_LINK_LIBRARIES "nlohmann_json::nlohmann_json;{";".join(info.system_libs)}")
""")


shutil.rmtree(work, ignore_errors=True)
_, with_boost = package(True)
assert with_boost.cpp_info.defines == ["SSE_USE_BOOST_ASIO"]
assert with_boost.cpp_info.system_libs == ["pthread"]
_, on_windows = package(False, "Windows")
assert on_windows.cpp_info.system_libs == ["ws2_32", "mswsock"]
_, with_gzip = package(False, gzip=True)
assert with_gzip.cpp_info.properties["cmake_target_aliases"] == ["sse::gzip"]
assert "zlib::zlib" in with_gzip.cpp_info.requires
_, with_both = package(False, gzip=True, tls=True)
assert with_both.cpp_info.properties["cmake_target_aliases"] == ["sse::gzip", "sse::tls"]
assert {"zlib::zlib", "openssl::ssl", "openssl::crypto"} <= set(with_both.cpp_info.requires)
made, own = package(False)
generate(made, own)
test = recipe_of(os.path.join(recipes, "test_package", "conanfile.py"), "SseTestConan")
test.tested_reference_str = f"{own.name}/{own.version}"
test.build_folder, test.generators_folder = os.path.join(made, "build"), os.path.join(made, "generators")
test.cpp = types.SimpleNamespace(build=types.SimpleNamespace(bindir=test.build_folder))
test.run = lambda command, env: run(command)
test.requirements()
test.layout()
test.build()
test.test()
