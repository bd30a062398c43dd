# SPDX-License-Identifier: MIT
# io_threads: default
"""What sotto-rpc-gen and sotto-sql-gen accept and refuse; they run in every build of a module."""
import subprocess
import sys

from sotto import SOURCE
from tap import main, test

TOOLS = SOURCE / 'sdk' / 'tools'
GOOD = '''syntax = "proto3";
package sotto.probe.v1;
service ProbeService { rpc WhoAmI(Ask) returns (Answer); rpc Say(Ask) returns (Answer); }
enum Mode { MODE_UNSPECIFIED = 0; MODE_ON = 1; }
message Ask { string text = 1; oneof presence { uint32 limit = 2; } }
message Answer { repeated Ask asked = 1; Mode mode = 2; }
'''


def lint(stage, text):
    """Runs the generator on a schema; returns (exit code, complaints, generated header or None)."""
    (stage.folder / 'probe.proto').write_text(text)
    subprocess.run(['protoc', f'--proto_path={stage.folder}', '--include_imports',
                    f'--descriptor_set_out={stage.folder}/probe.desc', 'probe.proto'], check=True)
    result = subprocess.run([sys.executable, TOOLS / 'sotto-rpc-gen', stage.folder / 'probe.desc'],
                            capture_output=True, text=True, check=False)
    header = stage.folder / 'probe.rpc.h'
    return result.returncode, result.stderr, header.read_text() if header.exists() else None


def refused(stage, change, complaint):
    before, after = change
    assert before in GOOD
    code, said, header = lint(stage, GOOD.replace(before, after))
    assert code == 1 and header is None, (code, said)
    assert complaint in said, said


@test
def a_good_schema_gives_a_row_for_each_method_in_order(stage):
    code, said, header = lint(stage, GOOD)

    assert code == 0, said
    first = '{.service = &sotto__probe__v1__probe_service__descriptor, .index = 0, PROBE_RPC_WhoAmI},'
    second = '{.service = &sotto__probe__v1__probe_service__descriptor, .index = 1, PROBE_RPC_Say},'
    assert header.index(first) < header.index(second)
    assert 'static const uint8_t probe_schema[]' in header


@test
def an_optional_field_is_refused(stage):
    refused(stage, ('message Ask { string', 'message Ask { optional string'), 'is optional')


@test
def a_map_is_refused(stage):
    refused(stage, ('string text = 1;', 'map<string, string> text = 1;'), 'has a map')


@test
def a_message_that_contains_itself_is_refused(stage):
    refused(stage, ('string text = 1;', 'Answer text = 1;'), 'contains itself')


@test
def a_stream_is_refused(stage):
    refused(stage, ('returns (Answer); rpc Say', 'returns (stream Answer); rpc Say'), 'is a stream')


@test
def a_json_name_of_its_own_is_refused(stage):
    refused(stage, ('string text = 1;', 'string text = 1 [json_name = "t"];'), 'json_name')


@test
def a_keyword_as_a_field_or_method_is_refused(stage):
    refused(stage, ('string text', 'string register'), 'keyword')
    refused(stage, ('rpc Say', 'rpc Delete'), 'keyword')


@test
def an_enum_without_unspecified_is_refused(stage):
    refused(stage, ('MODE_UNSPECIFIED', 'MODE_OFF'), '_UNSPECIFIED')


@test
def a_package_without_vendor_module_and_version_is_refused(stage):
    refused(stage, ('sotto.probe.v1', 'sotto.probe'), 'is not <vendor>.<module>.v<N>')


@test
def a_method_without_its_row_does_not_compile(stage):
    _, _, header = lint(stage, GOOD)
    (stage.folder / 'sotto').mkdir()
    source = '#define PROBE_RPC_Say .fn = 0\n' + header.replace('#include "probe.pb-c.h"', '''
        extern const ProtobufCServiceDescriptor sotto__probe__v1__probe_service__descriptor;''')

    def compile_with(row):
        command = ['gcc', '-std=c11', '-fsyntax-only', '-x', 'c', f'-I{SOURCE}/sdk/include', '-']
        return subprocess.run(command, input=row + source, capture_output=True, text=True, check=False)

    assert compile_with('#define PROBE_RPC_WhoAmI .fn = 0\n').returncode == 0
    missing = compile_with('')
    assert missing.returncode != 0 and 'PROBE_RPC_WhoAmI' in missing.stderr, missing.stderr


@test
def migrations_are_numbered_without_gaps(stage):
    names = ['0001_first.sql', '0003_third.sql']
    for name in names:
        (stage.folder / name).write_text('-- why\nCREATE TABLE probe_a (t TEXT DEFAULT "x");\n')
    tool = [sys.executable, TOOLS / 'sotto-sql-gen', 'probe', stage.folder / 'out.h']

    good = subprocess.run([*tool, stage.folder / names[0]], capture_output=True, text=True, check=False)
    gap = subprocess.run([*tool, *(stage.folder / name for name in names)], capture_output=True, text=True,
                         check=False)

    assert good.returncode == 0, good.stderr
    assert '"CREATE TABLE probe_a (t TEXT DEFAULT \\"x\\");\\n"' in (stage.folder / 'out.h').read_text()
    assert gap.returncode == 1 and '0002_' in gap.stderr, gap.stderr


if __name__ == '__main__':
    main()
