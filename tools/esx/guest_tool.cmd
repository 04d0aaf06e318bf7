@echo off
rem SPDX-License-Identifier: Apache-2.0
rem
rem Starts the guest tool with Windows.  Put it beside guest_tool.py, in a
rem folder that only administrators can write, and run it once:
rem
rem   guest_tool.cmd install
rem
rem Windows then runs it at each start, as the system, before anybody logs on.
rem What it says is in guest_tool.log beside it.
setlocal
if /i "%~1"=="install" goto install
if /i "%~1"=="remove" goto remove
py -3 "%~dp0guest_tool.py" %* 2>> "%~dp0guest_tool.log"
exit /b %errorlevel%

:install
schtasks /create /f /tn nova-guest-tool /ru SYSTEM /rl HIGHEST /sc onstart /tr "\"%~f0\""
exit /b %errorlevel%

:remove
schtasks /delete /f /tn nova-guest-tool
exit /b %errorlevel%
