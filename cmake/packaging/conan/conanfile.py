"""Packages the checkout that it lies in: conan create <checkout>/cmake/packaging/conan"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load

required_conan_version = ">=2.0"


class SseConan(ConanFile):
    name = "sse"
    description = "Server-Sent Events for C++20 coroutines on Asio"
    license = "MIT"
    topics = ("server-sent-events", "sse", "asio", "coroutines", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"boost_asio": [True, False], "gzip": [True, False], "tls": [True, False]}
    default_options = {"boost_asio": False, "gzip": False, "tls": False}
    no_copy_source = True

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, "..", "..", "..")

    def set_version(self):
        config = load(self, os.path.join(self._checkout, "include", "sse", "version.hpp"))
        self.version = ".".join(re.findall(r"^#define SSE_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", config, re.MULTILINE))

    def export_sources(self):
        for pattern in ("LICENSE", "include/*"):
            copy(self, pattern, self._checkout, self.export_sources_folder)

    def requirements(self):
        self.requires("nlohmann_json/[>=3.11 <4]", transitive_headers=True)
        if self.options.boost_asio:
            self.requires("boost/[>=1.81 <2]", transitive_headers=True)
        else:
            self.requires("asio/[>=1.22.1 <2]", transitive_headers=True)
        if self.options.gzip:  # sse/gzip.hpp
            self.requires("zlib/[>=1.2.11 <2]", transitive_headers=True, transitive_libs=True)
        if self.options.tls:  # sse/tls.hpp
            self.requires("openssl/[>=1.1.1 <4]", transitive_headers=True, transitive_libs=True)

    def validate(self):
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 20)

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        for pattern in ("*.hpp", "*.ipp"):
            copy(self, pattern, os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_id(self):
        self.info.clear()

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "sse")
        self.cpp_info.set_property("cmake_target_name", "sse::sse")
        self.cpp_info.set_property("pkg_config_name", "sse")
        self.cpp_info.requires = ["nlohmann_json::nlohmann_json"]
        if self.options.boost_asio:
            self.cpp_info.defines = ["SSE_USE_BOOST_ASIO"]
            self.cpp_info.requires.append("boost::headers")
        else:
            self.cpp_info.requires.append("asio::asio")
        components = {"gzip": ["zlib::zlib"], "tls": ["openssl::ssl", "openssl::crypto"]}
        chosen = [name for name in components if getattr(self.options, name)]
        self.cpp_info.set_property("cmake_target_aliases", ["sse::" + name for name in chosen])
        for name in chosen:
            self.cpp_info.requires += components[name]
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
        elif self.settings.os == "Windows":
            self.cpp_info.system_libs = ["ws2_32", "mswsock"]
