"""Excepts of every kind around calls that change."""
import logging
from contextlib import suppress
from ml_dash import RemoteClient

client = RemoteClient("http://x")


def only_call():
    try:
        return client.list_tracks("1")  #: MLD001 certain list_tracks_or_raise
    except Exception:  #= except MLDashError
        return []


def with_name():
    try:
        found = client.list_files("1")  #: MLD001 certain list_files_or_raise
    except Exception as error:  #= except MLDashError
        logging.error("no files: %s", error)
        found = []
    return found


def more_in_it():
    try:
        found = client.list_files("1")  #: MLD001 certain list_files_or_raise
        print(found[0]["id"])
    except Exception:
        pass


def argument_may_fail(ids):
    try:
        return client.list_tracks(ids[0])  #: MLD001 certain list_tracks_or_raise
    except Exception:
        return []


def answer_may_fail():
    try:
        return client.list_tracks("1")[0]  #: MLD001 certain list_tracks_or_raise
    except Exception:
        return None


def bare():
    try:
        return client.get_parameters("1")  #: MLD001 certain get_parameters_or_raise
    except:
        return {}


def base():
    try:
        return client.get_parameters("1")  #: MLD001 certain get_parameters_or_raise
    except BaseException:
        raise


def tupled():
    try:
        return client.get_parameters("1")  #: MLD001 certain get_parameters_or_raise
    except (KeyError, Exception):
        return {}


def two_handlers():
    try:
        return client.get_parameters("1")  #: MLD001 certain get_parameters_or_raise
    except ValueError:
        return {}
    except Exception:  #= except MLDashError
        return None


def suppressed():
    with suppress(Exception):
        return client.get_parameters("1")  #: MLD001 certain get_parameters_or_raise


def with_else():
    try:
        found = client.list_tracks("1")  #: MLD001 certain list_tracks_or_raise
    except Exception:  #= except MLDashError
        return None
    else:
        return found
    finally:
        client.close()
