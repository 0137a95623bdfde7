@echo off
rem SPDX-License-Identifier: GPL-3.0-or-later
rem
rem What only a running Windows can do after it moved into a virtual machine: install drivers, set
rem addresses, install packages. Started as SYSTEM by the task p2v-firstboot.
rem
rem At most 3 tries; their number is written down before any work, so that a crash counts, too. At
rem most one restart, and only when a driver asks for it. Ends with the file "done" and without the
rem task, whatever happened. The log is firstboot.log.
setlocal EnableExtensions DisableDelayedExpansion
set "DRIVERS=device_path"
set "NETWORK=vbs"
set "P2V=%SystemRoot%\p2v"
set "LOG=%P2V%\firstboot.log"
set "TASK=p2v-firstboot"
set "PATH=%SystemRoot%\System32;%PATH%"
set "SYS=%SystemRoot%\System32"
rem Only a 32-bit process of a 64-bit Windows sees this folder, and needs it.
if exist "%SystemRoot%\Sysnative\cmd.exe" set "SYS=%SystemRoot%\Sysnative"
rem The lock is an open file: it goes with the process that has it.
call :main 9>"%P2V%\lock" 2>nul
exit /b 0

:main
if exist "%P2V%\done" goto remove
set TRIES=0
if exist "%P2V%\tries" set /p TRIES=<"%P2V%\tries"
set /a TRIES=TRIES+1
if %TRIES% gtr 3 goto give_up
>"%P2V%\tries" echo %TRIES%
set WRITTEN=0
if exist "%P2V%\tries" set /p WRITTEN=<"%P2V%\tries"
if not "%WRITTEN%"=="%TRIES%" goto no_count
set FAILED=0
set REBOOT=0
call :log "try %TRIES% of 3"
call :drivers
call :network
call :packages
if "%REBOOT%"=="1" if not exist "%P2V%\rebooted" goto reboot
if "%FAILED%"=="0" goto finish
if %TRIES% geq 3 goto give_up
call :log "something failed: again in a minute"
ping -n 61 127.0.0.1 >nul
goto main

:reboot
>"%P2V%\rebooted" echo %DATE% %TIME%
if not exist "%P2V%\rebooted" goto finish
call :log "a driver asks for a restart: the only one"
"%SYS%\shutdown.exe" -r -t 5 -f >>"%LOG%" 2>&1 <nul
exit /b 0

:no_count
call :log "the number of tries cannot be written: nothing is tried"
goto finish

:give_up
call :log "given up; what failed is above"
goto finish

:finish
>"%P2V%\done" echo %DATE% %TIME%
call :log "done"

:remove
schtasks /delete /tn "%TASK%" /f >nul 2>&1 <nul
del /q "%P2V%\tries" "%P2V%\rebooted" >nul 2>&1
exit /b 0

rem Drivers

:drivers
if not exist "%P2V%\drivers" exit /b 0
call :drivers_%DRIVERS%
exit /b 0

:drivers_add_driver
for /r "%P2V%\drivers" %%F in (*.inf) do call :inf_add_driver "%%F"
exit /b 0

:drivers_install
for /r "%P2V%\drivers" %%F in (*.inf) do call :inf_install "%%F"
exit /b 0

:drivers_device_path
rem Plug and Play looks in DevicePath by itself; this makes it look now.
call :log "drivers: left to Plug and Play"
exit /b 0

:inf_add_driver
"%SYS%\pnputil.exe" /add-driver "%~1" /install >>"%LOG%" 2>&1 <nul
call :result %ERRORLEVEL% "%~1"
exit /b 0

:inf_install
"%SYS%\pnputil.exe" -i -a "%~1" >>"%LOG%" 2>&1 <nul
call :result %ERRORLEVEL% "%~1"
exit /b 0

rem result STATUS FILE: 0 done, 259 nothing to do, 3010 and 1641 done and a restart is wanted,
rem 1633 a package for another architecture.
:result
>>"%LOG%" echo %DATE% %TIME% status %~1: "%~2"
if "%~1"=="0" exit /b 0
if "%~1"=="259" exit /b 0
if "%~1"=="1633" exit /b 0
if "%~1"=="3010" goto wants_reboot
if "%~1"=="1641" goto wants_reboot
set FAILED=1
exit /b 1

:wants_reboot
set REBOOT=1
exit /b 0

rem Network

:network
if not exist "%P2V%\network.txt" exit /b 0
if exist "%P2V%\network.ok" exit /b 0
if not "%NETWORK%"=="ps1" goto network_vbs
set "POWERSHELL=%SYS%\WindowsPowerShell\v1.0\powershell.exe"
if not exist "%POWERSHELL%" goto network_vbs
set "HOW=-NoProfile -NonInteractive -ExecutionPolicy Bypass"
"%POWERSHELL%" %HOW% -File "%P2V%\network.ps1" >>"%LOG%" 2>&1 <nul
if "%ERRORLEVEL%"=="0" goto network_ok
if "%ERRORLEVEL%"=="10" goto network_failed
rem Neither of its own answers: a policy may forbid it.
call :log "network: PowerShell did not run the script"

:network_vbs
"%SYS%\cscript.exe" //nologo //b //e:vbscript "%P2V%\network.vbs" >>"%LOG%" 2>&1 <nul
if not "%ERRORLEVEL%"=="0" goto network_failed

:network_ok
>"%P2V%\network.ok" echo %DATE% %TIME%
call :log "network: done"
exit /b 0

:network_failed
call :log "network: failed"
set FAILED=1
exit /b 1

rem Packages

:packages
if not exist "%P2V%\packages" exit /b 0
for %%F in ("%P2V%\packages\*.msi") do call :package "%%~fF"
exit /b 0

:package
if exist "%~1.ok" exit /b 0
start "" /wait "%SYS%\msiexec.exe" /i "%~1" /qn /norestart /l*v "%~1.log"
call :result %ERRORLEVEL% "%~1"
if not errorlevel 1 >"%~1.ok" echo %DATE% %TIME%
exit /b 0

:log
>>"%LOG%" echo %DATE% %TIME% %~1
exit /b 0
